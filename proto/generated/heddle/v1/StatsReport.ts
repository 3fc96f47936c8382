// Original file: proto/heddle/v1/discovery.proto

import type { RuleStats as _heddle_v1_RuleStats, RuleStats__Output as _heddle_v1_RuleStats__Output } from '../../heddle/v1/RuleStats.ts';

/**
 * Counters since the last report; the server adds them up.
 */
export interface StatsReport {
  'rules'?: (_heddle_v1_RuleStats)[];
}

/**
 * Counters since the last report; the server adds them up.
 */
export interface StatsReport__Output {
  'rules': (_heddle_v1_RuleStats__Output)[];
}

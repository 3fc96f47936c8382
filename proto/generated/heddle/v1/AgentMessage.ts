// Original file: proto/heddle/v1/discovery.proto

import type { Hello as _heddle_v1_Hello, Hello__Output as _heddle_v1_Hello__Output } from '../../heddle/v1/Hello.ts';
import type { Subscribe as _heddle_v1_Subscribe, Subscribe__Output as _heddle_v1_Subscribe__Output } from '../../heddle/v1/Subscribe.ts';
import type { Acknowledge as _heddle_v1_Acknowledge, Acknowledge__Output as _heddle_v1_Acknowledge__Output } from '../../heddle/v1/Acknowledge.ts';
import type { StatsReport as _heddle_v1_StatsReport, StatsReport__Output as _heddle_v1_StatsReport__Output } from '../../heddle/v1/StatsReport.ts';

export interface AgentMessage {
  /**
   * Exactly once, first.
   */
  'hello'?: (_heddle_v1_Hello | null);
  'subscribe'?: (_heddle_v1_Subscribe | null);
  /**
   * The answer to a DiscoveryResponse: ack when `errors` is empty, else nack.
   */
  'acknowledge'?: (_heddle_v1_Acknowledge | null);
  'stats'?: (_heddle_v1_StatsReport | null);
  'message'?: "hello"|"subscribe"|"acknowledge"|"stats";
}

export interface AgentMessage__Output {
  /**
   * Exactly once, first.
   */
  'hello'?: (_heddle_v1_Hello__Output | null);
  'subscribe'?: (_heddle_v1_Subscribe__Output | null);
  /**
   * The answer to a DiscoveryResponse: ack when `errors` is empty, else nack.
   */
  'acknowledge'?: (_heddle_v1_Acknowledge__Output | null);
  'stats'?: (_heddle_v1_StatsReport__Output | null);
  'message'?: "hello"|"subscribe"|"acknowledge"|"stats";
}

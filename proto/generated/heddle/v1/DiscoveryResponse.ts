// Original file: proto/heddle/v1/discovery.proto

import type { Resource as _heddle_v1_Resource, Resource__Output as _heddle_v1_Resource__Output } from '../../heddle/v1/Resource.ts';
import type { ResourceName as _heddle_v1_ResourceName, ResourceName__Output as _heddle_v1_ResourceName__Output } from '../../heddle/v1/ResourceName.ts';
import type { Answer as _heddle_v1_Answer, Answer__Output as _heddle_v1_Answer__Output } from '../../heddle/v1/Answer.ts';

/**
 * One transaction: after it, every subscribed name is at `generation`. Applied whole or not at all.
 */
export interface DiscoveryResponse {
  /**
   * "epoch.counter", ordered only within one epoch.
   */
  'generation'?: (string);
  /**
   * Opaque, unique on the stream.
   */
  'nonce'?: (string);
  /**
   * New or changed resources.
   */
  'resources'?: (_heddle_v1_Resource)[];
  /**
   * Resources that no subscription needs any more.
   */
  'removedResources'?: (_heddle_v1_ResourceName)[];
  /**
   * Answers that are new or changed.
   */
  'answers'?: (_heddle_v1_Answer)[];
}

/**
 * One transaction: after it, every subscribed name is at `generation`. Applied whole or not at all.
 */
export interface DiscoveryResponse__Output {
  /**
   * "epoch.counter", ordered only within one epoch.
   */
  'generation': (string);
  /**
   * Opaque, unique on the stream.
   */
  'nonce': (string);
  /**
   * New or changed resources.
   */
  'resources': (_heddle_v1_Resource__Output)[];
  /**
   * Resources that no subscription needs any more.
   */
  'removedResources': (_heddle_v1_ResourceName__Output)[];
  /**
   * Answers that are new or changed.
   */
  'answers': (_heddle_v1_Answer__Output)[];
}

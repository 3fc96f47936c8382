// Original file: proto/heddle/v1/discovery.proto

import type { Node as _heddle_v1_Node, Node__Output as _heddle_v1_Node__Output } from '../../heddle/v1/Node.ts';
import type { ResourceVersion as _heddle_v1_ResourceVersion, ResourceVersion__Output as _heddle_v1_ResourceVersion__Output } from '../../heddle/v1/ResourceVersion.ts';

export interface Hello {
  'node'?: (_heddle_v1_Node | null);
  /**
   * Every name that the agent is subscribed to.
   */
  'subscriptions'?: (string)[];
  /**
   * What the agent holds: unchanged content is not sent again, what is gone is listed as removed.
   */
  'knownResources'?: (_heddle_v1_ResourceVersion)[];
  /**
   * "major.minor" of this protocol. The server accepts one minor behind or ahead.
   */
  'protocolVersion'?: (string);
}

export interface Hello__Output {
  'node': (_heddle_v1_Node__Output | null);
  /**
   * Every name that the agent is subscribed to.
   */
  'subscriptions': (string)[];
  /**
   * What the agent holds: unchanged content is not sent again, what is gone is listed as removed.
   */
  'knownResources': (_heddle_v1_ResourceVersion__Output)[];
  /**
   * "major.minor" of this protocol. The server accepts one minor behind or ahead.
   */
  'protocolVersion': (string);
}

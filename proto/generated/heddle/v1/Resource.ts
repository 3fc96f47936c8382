// Original file: proto/heddle/v1/discovery.proto

import type { ResourceType as _heddle_v1_ResourceType, ResourceType__Output as _heddle_v1_ResourceType__Output } from '../../heddle/v1/ResourceType.ts';

export interface Resource {
  'type'?: (_heddle_v1_ResourceType);
  'name'?: (string);
  /**
   * Hash of `body`, hexadecimal.
   */
  'version'?: (string);
  /**
   * The encoded message that belongs to `type`.
   */
  'body'?: (Buffer | Uint8Array | string);
}

export interface Resource__Output {
  'type': (_heddle_v1_ResourceType__Output);
  'name': (string);
  /**
   * Hash of `body`, hexadecimal.
   */
  'version': (string);
  /**
   * The encoded message that belongs to `type`.
   */
  'body': (Buffer);
}

// Original file: proto/heddle/v1/discovery.proto

import type { ResourceType as _heddle_v1_ResourceType, ResourceType__Output as _heddle_v1_ResourceType__Output } from '../../heddle/v1/ResourceType.ts';

export interface ResourceError {
  'type'?: (_heddle_v1_ResourceType);
  'name'?: (string);
  'version'?: (string);
  'reason'?: (string);
}

export interface ResourceError__Output {
  'type': (_heddle_v1_ResourceType__Output);
  'name': (string);
  'version': (string);
  'reason': (string);
}

// Original file: proto/heddle/v1/discovery.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AgentMessage as _heddle_v1_AgentMessage, AgentMessage__Output as _heddle_v1_AgentMessage__Output } from '../../heddle/v1/AgentMessage.ts';
import type { DiscoveryResponse as _heddle_v1_DiscoveryResponse, DiscoveryResponse__Output as _heddle_v1_DiscoveryResponse__Output } from '../../heddle/v1/DiscoveryResponse.ts';

export interface DiscoveryClient extends grpc.Client {
  Stream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_heddle_v1_AgentMessage, _heddle_v1_DiscoveryResponse__Output>;
  Stream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_heddle_v1_AgentMessage, _heddle_v1_DiscoveryResponse__Output>;
  stream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_heddle_v1_AgentMessage, _heddle_v1_DiscoveryResponse__Output>;
  stream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_heddle_v1_AgentMessage, _heddle_v1_DiscoveryResponse__Output>;
  
}

export interface DiscoveryHandlers extends grpc.UntypedServiceImplementation {
  Stream: grpc.handleBidiStreamingCall<_heddle_v1_AgentMessage__Output, _heddle_v1_DiscoveryResponse>;
  
}

export interface DiscoveryDefinition extends grpc.ServiceDefinition {
  Stream: MethodDefinition<_heddle_v1_AgentMessage, _heddle_v1_DiscoveryResponse, _heddle_v1_AgentMessage__Output, _heddle_v1_DiscoveryResponse__Output>
}

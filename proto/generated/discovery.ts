import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Acknowledge as _heddle_v1_Acknowledge, Acknowledge__Output as _heddle_v1_Acknowledge__Output } from './heddle/v1/Acknowledge.ts';
import type { AgentMessage as _heddle_v1_AgentMessage, AgentMessage__Output as _heddle_v1_AgentMessage__Output } from './heddle/v1/AgentMessage.ts';
import type { Answer as _heddle_v1_Answer, Answer__Output as _heddle_v1_Answer__Output } from './heddle/v1/Answer.ts';
import type { Backend as _heddle_v1_Backend, Backend__Output as _heddle_v1_Backend__Output } from './heddle/v1/Backend.ts';
import type { Cluster as _heddle_v1_Cluster, Cluster__Output as _heddle_v1_Cluster__Output } from './heddle/v1/Cluster.ts';
import type { DiscoveryClient as _heddle_v1_DiscoveryClient, DiscoveryDefinition as _heddle_v1_DiscoveryDefinition } from './heddle/v1/Discovery.ts';
import type { DiscoveryResponse as _heddle_v1_DiscoveryResponse, DiscoveryResponse__Output as _heddle_v1_DiscoveryResponse__Output } from './heddle/v1/DiscoveryResponse.ts';
import type { Endpoint as _heddle_v1_Endpoint, Endpoint__Output as _heddle_v1_Endpoint__Output } from './heddle/v1/Endpoint.ts';
import type { Endpoints as _heddle_v1_Endpoints, Endpoints__Output as _heddle_v1_Endpoints__Output } from './heddle/v1/Endpoints.ts';
import type { Header as _heddle_v1_Header, Header__Output as _heddle_v1_Header__Output } from './heddle/v1/Header.ts';
import type { HeaderModifier as _heddle_v1_HeaderModifier, HeaderModifier__Output as _heddle_v1_HeaderModifier__Output } from './heddle/v1/HeaderModifier.ts';
import type { Hello as _heddle_v1_Hello, Hello__Output as _heddle_v1_Hello__Output } from './heddle/v1/Hello.ts';
import type { InboundPort as _heddle_v1_InboundPort, InboundPort__Output as _heddle_v1_InboundPort__Output } from './heddle/v1/InboundPort.ts';
import type { Listener as _heddle_v1_Listener, Listener__Output as _heddle_v1_Listener__Output } from './heddle/v1/Listener.ts';
import type { Match as _heddle_v1_Match, Match__Output as _heddle_v1_Match__Output } from './heddle/v1/Match.ts';
import type { Mirror as _heddle_v1_Mirror, Mirror__Output as _heddle_v1_Mirror__Output } from './heddle/v1/Mirror.ts';
import type { Node as _heddle_v1_Node, Node__Output as _heddle_v1_Node__Output } from './heddle/v1/Node.ts';
import type { Resource as _heddle_v1_Resource, Resource__Output as _heddle_v1_Resource__Output } from './heddle/v1/Resource.ts';
import type { ResourceError as _heddle_v1_ResourceError, ResourceError__Output as _heddle_v1_ResourceError__Output } from './heddle/v1/ResourceError.ts';
import type { ResourceName as _heddle_v1_ResourceName, ResourceName__Output as _heddle_v1_ResourceName__Output } from './heddle/v1/ResourceName.ts';
import type { ResourceVersion as _heddle_v1_ResourceVersion, ResourceVersion__Output as _heddle_v1_ResourceVersion__Output } from './heddle/v1/ResourceVersion.ts';
import type { Route as _heddle_v1_Route, Route__Output as _heddle_v1_Route__Output } from './heddle/v1/Route.ts';
import type { RouteConfiguration as _heddle_v1_RouteConfiguration, RouteConfiguration__Output as _heddle_v1_RouteConfiguration__Output } from './heddle/v1/RouteConfiguration.ts';
import type { RouteEntry as _heddle_v1_RouteEntry, RouteEntry__Output as _heddle_v1_RouteEntry__Output } from './heddle/v1/RouteEntry.ts';
import type { Rule as _heddle_v1_Rule, Rule__Output as _heddle_v1_Rule__Output } from './heddle/v1/Rule.ts';
import type { RuleStats as _heddle_v1_RuleStats, RuleStats__Output as _heddle_v1_RuleStats__Output } from './heddle/v1/RuleStats.ts';
import type { StatsReport as _heddle_v1_StatsReport, StatsReport__Output as _heddle_v1_StatsReport__Output } from './heddle/v1/StatsReport.ts';
import type { Subscribe as _heddle_v1_Subscribe, Subscribe__Output as _heddle_v1_Subscribe__Output } from './heddle/v1/Subscribe.ts';
import type { ValueMatch as _heddle_v1_ValueMatch, ValueMatch__Output as _heddle_v1_ValueMatch__Output } from './heddle/v1/ValueMatch.ts';
import type { VirtualHost as _heddle_v1_VirtualHost, VirtualHost__Output as _heddle_v1_VirtualHost__Output } from './heddle/v1/VirtualHost.ts';
import type { Workload as _heddle_v1_Workload, Workload__Output as _heddle_v1_Workload__Output } from './heddle/v1/Workload.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  heddle: {
    v1: {
      Acknowledge: MessageTypeDefinition<_heddle_v1_Acknowledge, _heddle_v1_Acknowledge__Output>
      AgentMessage: MessageTypeDefinition<_heddle_v1_AgentMessage, _heddle_v1_AgentMessage__Output>
      Answer: MessageTypeDefinition<_heddle_v1_Answer, _heddle_v1_Answer__Output>
      Backend: MessageTypeDefinition<_heddle_v1_Backend, _heddle_v1_Backend__Output>
      Cluster: MessageTypeDefinition<_heddle_v1_Cluster, _heddle_v1_Cluster__Output>
      Discovery: SubtypeConstructor<typeof grpc.Client, _heddle_v1_DiscoveryClient> & { service: _heddle_v1_DiscoveryDefinition }
      DiscoveryResponse: MessageTypeDefinition<_heddle_v1_DiscoveryResponse, _heddle_v1_DiscoveryResponse__Output>
      Endpoint: MessageTypeDefinition<_heddle_v1_Endpoint, _heddle_v1_Endpoint__Output>
      Endpoints: MessageTypeDefinition<_heddle_v1_Endpoints, _heddle_v1_Endpoints__Output>
      Header: MessageTypeDefinition<_heddle_v1_Header, _heddle_v1_Header__Output>
      HeaderModifier: MessageTypeDefinition<_heddle_v1_HeaderModifier, _heddle_v1_HeaderModifier__Output>
      Hello: MessageTypeDefinition<_heddle_v1_Hello, _heddle_v1_Hello__Output>
      InboundPort: MessageTypeDefinition<_heddle_v1_InboundPort, _heddle_v1_InboundPort__Output>
      Listener: MessageTypeDefinition<_heddle_v1_Listener, _heddle_v1_Listener__Output>
      Match: MessageTypeDefinition<_heddle_v1_Match, _heddle_v1_Match__Output>
      Mirror: MessageTypeDefinition<_heddle_v1_Mirror, _heddle_v1_Mirror__Output>
      Node: MessageTypeDefinition<_heddle_v1_Node, _heddle_v1_Node__Output>
      Resource: MessageTypeDefinition<_heddle_v1_Resource, _heddle_v1_Resource__Output>
      ResourceError: MessageTypeDefinition<_heddle_v1_ResourceError, _heddle_v1_ResourceError__Output>
      ResourceName: MessageTypeDefinition<_heddle_v1_ResourceName, _heddle_v1_ResourceName__Output>
      ResourceType: EnumTypeDefinition
      ResourceVersion: MessageTypeDefinition<_heddle_v1_ResourceVersion, _heddle_v1_ResourceVersion__Output>
      Route: MessageTypeDefinition<_heddle_v1_Route, _heddle_v1_Route__Output>
      RouteConfiguration: MessageTypeDefinition<_heddle_v1_RouteConfiguration, _heddle_v1_RouteConfiguration__Output>
      RouteEntry: MessageTypeDefinition<_heddle_v1_RouteEntry, _heddle_v1_RouteEntry__Output>
      Rule: MessageTypeDefinition<_heddle_v1_Rule, _heddle_v1_Rule__Output>
      RuleStats: MessageTypeDefinition<_heddle_v1_RuleStats, _heddle_v1_RuleStats__Output>
      StatsReport: MessageTypeDefinition<_heddle_v1_StatsReport, _heddle_v1_StatsReport__Output>
      Subscribe: MessageTypeDefinition<_heddle_v1_Subscribe, _heddle_v1_Subscribe__Output>
      ValueMatch: MessageTypeDefinition<_heddle_v1_ValueMatch, _heddle_v1_ValueMatch__Output>
      VirtualHost: MessageTypeDefinition<_heddle_v1_VirtualHost, _heddle_v1_VirtualHost__Output>
      Workload: MessageTypeDefinition<_heddle_v1_Workload, _heddle_v1_Workload__Output>
    }
  }
}


// Original file: proto/heddle/v1/resources.proto

export const ResourceType = {
  RESOURCE_TYPE_UNSPECIFIED: 'RESOURCE_TYPE_UNSPECIFIED',
  LISTENER: 'LISTENER',
  ROUTE_CONFIGURATION: 'ROUTE_CONFIGURATION',
  ROUTE: 'ROUTE',
  CLUSTER: 'CLUSTER',
  ENDPOINTS: 'ENDPOINTS',
  WORKLOAD: 'WORKLOAD',
} as const;

export type ResourceType =
  | 'RESOURCE_TYPE_UNSPECIFIED'
  | 0
  | 'LISTENER'
  | 1
  | 'ROUTE_CONFIGURATION'
  | 2
  | 'ROUTE'
  | 3
  | 'CLUSTER'
  | 4
  | 'ENDPOINTS'
  | 5
  | 'WORKLOAD'
  | 6

export type ResourceType__Output = typeof ResourceType[keyof typeof ResourceType]

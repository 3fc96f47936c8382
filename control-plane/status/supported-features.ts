// What works, by the names that the Gateway API gives features (its package pkg/features): published as
// status.supportedFeatures of our GatewayClass. Only what a test of this project shows to work is here.

/** Sorted, as the API asks. */
export const supportedFeatures = [
  "Gateway",
  "GatewayAddressEmpty",
  "GatewayInfrastructurePropagation",
  "GatewayPort8080",
  "HTTPRoute",
  "HTTPRouteBackendProtocolWebSocket",
  "HTTPRouteBackendRequestHeaderModification",
  "HTTPRouteMethodMatching",
  "HTTPRouteNamedRouteRule",
  "HTTPRouteParentRefPort",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteRequestMirror",
  "HTTPRouteRequestMultipleMirrors",
  "HTTPRouteRequestPercentageMirror",
  "HTTPRouteResponseHeaderModification",
  "Mesh",
  "MeshConsumerRoute",
  "ReferenceGrant",
].map((name) => ({ name }));

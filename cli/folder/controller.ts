// The name that makes a GatewayClass ours, and the translation that every looking command starts from.
import type { ClusterState, Gateway } from "../../control-plane/source/cluster-state.ts";
import { Translator } from "../../control-plane/translate/translate.ts";
import type { Translation } from "../../control-plane/translate/translation.ts";

export const controllerName = "heddle.dev/gateway-controller";

/**
 * Translates as if every Gateway had its agent already. `gatewayParameterErrors`: by "namespace/name", what is wrong with
 * the parameters of a Gateway, which are in ConfigMaps and not in a ClusterState.
 */
export function translateState(
  state: ClusterState,
  gatewayParameterErrors: ReadonlyMap<string, string> = new Map(),
): Translation {
  const programmedGateways = new Set(state.gateways.keys());
  return new Translator().translate(state, { controllerName, programmedGateways, gatewayParameterErrors });
}

/** Gateways whose class is ours, by "namespace/name". */
export function ourGateways(state: Pick<ClusterState, "gateways" | "gatewayClasses">): ReadonlyMap<string, Gateway> {
  return new Map(
    [...state.gateways].filter(
      ([, gateway]) => state.gatewayClasses.get(gateway.gatewayClassName)?.controllerName === controllerName,
    ),
  );
}

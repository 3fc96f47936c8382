// Conditions of a Gateway and its listeners, from what gateway-view.ts found, the routes that attached, and what is
// known from outside: whether an agent acknowledged the Gateway, and at which addresses it can be reached.
import { condition, listOf, type Problem } from "./conditions.ts";
import type { GatewayClass } from "../source/cluster-state.ts";
import { type GatewayView, isServed, type ListenerView } from "./gateway-view.ts";
import type { Condition, GatewayAddress, GatewayStatus, ListenerStatus } from "./translation.ts";

export interface GatewayRuntime {
  /** An agent acknowledged resources of this Gateway. */
  readonly programmed: boolean;
  /** Where it can be reached, so what spec.addresses may ask for; undefined when that is not to be judged. */
  readonly addresses: readonly GatewayAddress[] | undefined;
  /** Why its parameters are of no use. What runs goes on as it was: a slip in a ConfigMap must not end traffic. */
  readonly parameterError: string | undefined;
  /** Why there is nothing that could serve it. */
  readonly obstacle: Problem | undefined;
}

/**
 * Accepted, unless it asks for parameters: those of a Gateway (infrastructure.parametersRef) are read, a class has none.
 * Its Gateways are served all the same.
 */
export function gatewayClassConditions({ meta, parametersRef }: GatewayClass): readonly Condition[] {
  if (parametersRef === undefined)
    return [condition("Accepted", "True", "Accepted", "Heddle serves Gateways of this class", meta.generation)];
  const { group, kind, name } = parametersRef;
  const message = `parametersRef (${group}/${kind} ${name}) is not read; use infrastructure.parametersRef of a Gateway`;
  return [condition("Accepted", "False", "InvalidParameters", message, meta.generation)];
}

/** Names of the listeners that agents are to bind; none when the Gateway as a whole is refused. */
export function servedListeners(view: GatewayView): readonly ListenerView[] {
  return view.refused === null ? view.listeners.filter(isServed) : [];
}

/** `attachedRoutes` counts accepted routes by listener resource name. */
export function gatewayStatus(
  view: GatewayView,
  attachedRoutes: ReadonlyMap<string, number>,
  runtime: GatewayRuntime,
): GatewayStatus {
  const generation = view.gateway.meta.generation;
  const notProgrammed = whyNotProgrammed(view, runtime);
  return {
    conditions: [
      acceptedCondition(view, runtime, generation),
      notProgrammed === null
        ? condition("Programmed", "True", "Programmed", "An agent serves the Gateway", generation)
        : condition("Programmed", "False", notProgrammed.reason, notProgrammed.message, generation),
    ],
    listeners: view.listeners.map((listener) =>
      listenerStatus(listener, attachedRoutes.get(listener.resourceName) ?? 0, notProgrammed, generation),
    ),
  };
}

function acceptedCondition(view: GatewayView, { parameterError }: GatewayRuntime, generation: number): Condition {
  if (view.refused !== null)
    return condition("Accepted", "False", view.refused.reason, view.refused.message, generation);
  if (parameterError !== undefined)
    return condition("Accepted", "False", "InvalidParameters", parameterError, generation);
  const invalid = view.listeners.filter(
    ({ notAccepted, invalidKinds }) => notAccepted !== null || invalidKinds !== null,
  );
  if (invalid.length === 0) return condition("Accepted", "True", "Accepted", "All listeners are valid", generation);
  const names = listOf(invalid.map(({ listener }) => listener.name));
  const anyAccepted = view.listeners.some(({ notAccepted }) => notAccepted === null);
  const message = anyAccepted ? `Listeners with faults: ${names}` : `No listener is valid: ${names}`;
  return condition("Accepted", anyAccepted ? "True" : "False", "ListenersNotValid", message, generation);
}

function whyNotProgrammed(view: GatewayView, runtime: GatewayRuntime): Problem | null {
  const { programmed, addresses, obstacle } = runtime;
  if (view.refused !== null) return { reason: "Invalid", message: view.refused.message };
  if (servedListeners(view).length === 0) return { reason: "Invalid", message: "No listener can be served" };
  if (!programmed && obstacle !== undefined) return obstacle;
  if (addresses?.length === 0) return { reason: "AddressNotAssigned", message: "The Gateway has no address yet" };
  const unusable = view.gateway.addresses.filter(
    ({ value }) => value !== "" && addresses !== undefined && !addresses.some((address) => address.value === value),
  );
  if (unusable.length > 0) {
    const values = listOf(unusable.map(({ value }) => value));
    return { reason: "AddressNotUsable", message: `Not an address of this Gateway: ${values}` };
  }
  return programmed ? null : { reason: "Pending", message: "Waiting for an agent to acknowledge the Gateway" };
}

function listenerStatus(
  view: ListenerView,
  attachedRoutes: number,
  gatewayNotProgrammed: Problem | null,
  generation: number,
): ListenerStatus {
  const { notAccepted, conflict, invalidKinds } = view;
  const ownFault = notAccepted ?? invalidKinds;
  const notProgrammed =
    ownFault === null
      ? gatewayNotProgrammed
      : {
          reason: conflict === null || notAccepted !== conflict ? "Invalid" : conflict.reason,
          message: ownFault.message,
        };
  return {
    name: view.listener.name,
    supportedKinds: view.supportedKinds,
    attachedRoutes,
    conditions: [
      verdict("Accepted", notAccepted, "Accepted", "The listener is valid", generation),
      verdict("Programmed", notProgrammed, "Programmed", "An agent serves the listener", generation),
      verdict("ResolvedRefs", invalidKinds, "ResolvedRefs", "All references are resolved", generation),
      conflict === null
        ? condition("Conflicted", "False", "NoConflicts", "No other listener claims the same", generation)
        : condition("Conflicted", "True", conflict.reason, conflict.message, generation),
    ],
  };
}

function verdict(
  type: string,
  problem: Problem | null,
  reason: string,
  message: string,
  generation: number,
): Condition {
  if (problem === null) return condition(type, "True", reason, message, generation);
  return condition(type, "False", problem.reason, problem.message, generation);
}

// Objects of the lesson's Task API as the tests apply them: a Deployment with its Service, the Gateway, its routes.

export const gatewayYaml = (namespace: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: task-api-gateway
  namespace: ${namespace}
spec:
  gatewayClassName: heddle
  listeners:
  - name: http
    protocol: HTTP
    port: 80
`;

export interface TaskApi {
  readonly name: string;
  readonly namespace?: string;
  /** One label beside app: task-api, such as "version: canary". */
  readonly label: string;
  readonly image: string;
  readonly replicas?: number;
  /** For the server, when the version is not the image's. */
  readonly args?: readonly string[];
}

/** The lesson's pair: a Deployment, and a Service on port 8000 without a targetPort. */
export function taskApi({ name, namespace = "task-api", label, image, replicas = 1, args = [] }: TaskApi): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: task-api
      ${label}
  template:
    metadata:
      labels:
        app: task-api
        ${label}
    spec:
      containers:
      - name: task-api
        image: ${image}${args.length === 0 ? "" : `\n        args: ${JSON.stringify(args)}`}
        ports:
        - containerPort: 8000
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  selector:
    app: task-api
    ${label}
  ports:
  - port: 8000
`;
}

/** A rule for /api/: "name" or "name weight" each a backend on port 8000, and the header it asks for, "name: value". */
export function apiRule(backends: readonly string[], header?: string): string {
  const [headerName, headerValue] = header?.split(": ") ?? [];
  const headers =
    header === undefined ? "" : `\n      headers:\n      - name: ${headerName}\n        value: "${headerValue}"`;
  const references = backends.map((backend) => {
    const [name, weight] = backend.split(" ");
    return `    - name: ${name}\n      port: 8000${weight === undefined ? "" : `\n      weight: ${weight}`}`;
  });
  return `  - matches:
    - path:
        type: PathPrefix
        value: /api/${headers}
    backendRefs:
${references.join("\n")}`;
}

/** An HTTPRoute of task-api-gateway. */
export function apiRoute(name: string, rules: readonly string[], namespace = "task-api"): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  parentRefs:
  - name: task-api-gateway
  rules:
${rules.join("\n")}
`;
}

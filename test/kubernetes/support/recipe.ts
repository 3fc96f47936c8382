// The recipe's manifests. gatewayClassName is the one word that differs.

export const gatewayYaml = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: production-gw
  namespace: production
spec:
  gatewayClassName: heddle
  listeners:
    - name: http
      protocol: HTTP
      port: 80
    - name: https
      protocol: HTTPS
      port: 443
      tls:
        mode: Terminate
        certificateRefs:
          - name: my-app-tls
`;

/** Deployment and Service of one version. */
export function myApp(name: string, version: string, replicas: number): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: my-app-${name}
  namespace: production
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: my-app
      version: ${name}
  template:
    metadata:
      labels:
        app: my-app
        version: ${name}
    spec:
      containers:
        - name: app
          image: registry.example.com/my-app:${version}
          ports:
            - containerPort: 8080
          readinessProbe:
            httpGet:
              path: /health
              port: 8080
            initialDelaySeconds: 5
            periodSeconds: 5
---
apiVersion: v1
kind: Service
metadata:
  name: my-app-${name}
  namespace: production
spec:
  selector:
    app: my-app
    version: ${name}
  ports:
    - port: 80
      targetPort: 8080
`;
}

const rules = (stable: number, canary: number): string => `    - matches:
        - headers:
            - name: x-canary
              value: "true"
      backendRefs:
        - name: my-app-canary
          port: 80
          weight: 100
    - backendRefs:
        - name: my-app-stable
          port: 80
          weight: ${stable}
        - name: my-app-canary
          port: 80
          weight: ${canary}`;

const routeHead = (name: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
  namespace: production
spec:
  parentRefs:
    - name: production-gw
  hostnames:
    - "app.example.com"
  rules:
`;

export const canaryRoute = `${routeHead("my-app-canary-route")}${rules(90, 10)}\n`;

/** What the recipe's phases patch. */
export const phasePatch = (stable: number, canary: number): string => `
spec:
  rules:
${rules(stable, canary)}`;

export const mirrorRoute = `${routeHead("my-app-mirror")}    - backendRefs:
        - name: my-app-stable
          port: 80
      filters:
        - type: RequestMirror
          requestMirror:
            backendRef:
              name: my-app-canary
              port: 80
`;

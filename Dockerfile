# One image for the control plane, the agent and the capture init container, chosen by subcommand (image/heddle).
# Stripped JavaScript and production dependencies only.
FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run --silent build

FROM node:26-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The image has its own Node; types, maps and texts are for people, and a container has none.
RUN npm ci --omit=dev \
  && rm -rf node_modules/node-linux-* node_modules/node-bin-* node_modules/.bin node_modules/@types \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' -o -name '*.ts' \) -delete

FROM node:26-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends iptables \
  && apt-get clean \
  && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
COPY --from=dependencies /build/node_modules /opt/heddle/node_modules
COPY --from=build /build/dist /opt/heddle/dist
COPY image/heddle /usr/local/bin/heddle
ENV NODE_ENV=production
USER 5309:5309
ENTRYPOINT ["heddle"]
CMD ["--help"]

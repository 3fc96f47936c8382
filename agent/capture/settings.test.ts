// What the environment may say to the capture program, and what it is told when it is wrong.
import test from "ava";
import { parseAddressRange, rangeIncludes } from "./address-range.ts";
import { podAddresses } from "./self-check.ts";
import { describeCaptureSettings, parseCaptureSettings } from "./settings.ts";

test("nothing said is nothing excluded", (t) => {
  t.deepEqual(parseCaptureSettings({ HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: " " }), {
    settings: {
      excludeInboundPorts: [],
      excludeOutboundPorts: [],
      excludeInboundAddresses: [],
      excludeOutboundAddresses: [],
    },
  });
});

test("lists with commas and spaces, each entry once, addresses of both families", (t) => {
  t.deepEqual(
    parseCaptureSettings({
      HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "80, 443,80",
      HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "10.1.2.3/8,FD00:0::1",
    }),
    {
      settings: {
        excludeInboundPorts: [80, 443],
        excludeOutboundPorts: [],
        excludeInboundAddresses: [],
        excludeOutboundAddresses: [
          { family: "ipv4", address: "10.0.0.0", prefixLength: 8 },
          { family: "ipv6", address: "fd00::1", prefixLength: 128 },
        ],
      },
    },
  );
});

test("every wrong entry is named with its variable and what was expected", (t) => {
  const result = parseCaptureSettings({
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "0,65536,80-90,,8080",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: Array.from({ length: 101 }, (_, index) => index + 1).join(","),
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES: "10.0.0.0/8; -j ACCEPT",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "example.com,::/129",
  });
  const ports = "HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS must be ports from 1 to 65535, for example 3306,6379, not";
  const addresses = "must be addresses or ranges, for example 10.0.0.0/8,fd00::1, not";
  t.deepEqual("errors" in result && result.errors, [
    `${ports} "0"`,
    `${ports} "65536"`,
    `${ports} "80-90"`,
    `${ports} ""`,
    "HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS must have at most 100 entries, not 101",
    `HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES ${addresses} "10.0.0.0/8; -j ACCEPT"`,
    `HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES ${addresses} "example.com"`,
    `HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES ${addresses} "::/129"`,
  ]);
});

test("the table for people names every variable", (t) => {
  t.is(describeCaptureSettings().match(/HEDDLE_CAPTURE_EXCLUDE_(IN|OUT)BOUND_(PORTS|ADDRESSES) /g)?.length, 4);
});

test("ranges: bits past the prefix are cleared, the shortest form of IPv6, and what is in them", (t) => {
  const text = (given: string): string => {
    const range = parseAddressRange(given);
    return range === null ? "" : `${range.address}/${range.prefixLength}`;
  };
  t.is(text("192.168.77.255/25"), "192.168.77.128/25");
  t.is(text("255.255.255.255/0"), "0.0.0.0/0");
  t.is(text("2001:0db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1/128");
  t.is(text("2001:db8:ffff::/33"), "2001:db8:8000::/33");
  t.is(text("::/0"), "::/0");
  for (const wrong of ["", "1.2.3", "1.2.3.4/", "1.2.3.4/33", "fd00::%eth0", "[::1]", "1.2.3.4/-1"])
    t.is(text(wrong), "");
  const range = parseAddressRange("192.0.2.0/30")!;
  t.true(rangeIncludes(range, "192.0.2.3"));
  t.false(rangeIncludes(range, "192.0.2.4"));
});

test("the pod's addresses: one of each family, the preferred first, none of loopback or link-local", (t) => {
  const entry = (address: string, family: "IPv4" | "IPv6", internal = false) =>
    ({ address, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 }) as const;
  const interfaces = {
    lo: [entry("127.0.0.1", "IPv4", true), entry("::6", "IPv6", true)],
    eth0: [entry("10.0.0.7", "IPv4"), entry("fe80::1", "IPv6"), entry("fd00::7", "IPv6")],
    net1: [entry("10.9.0.7", "IPv4")],
  };
  t.deepEqual(podAddresses(interfaces, "10.9.0.7"), [
    { family: "ipv4", address: "10.9.0.7" },
    { family: "ipv6", address: "fd00::7" },
  ]);
  t.deepEqual(podAddresses({ lo: interfaces.lo }, ""), []);
});

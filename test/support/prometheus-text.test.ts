// The reader is a judge in other tests: here it is shown to refuse what it must.
import test from "ava";
import { histogramQuantile, parsePrometheusText, valueOf } from "./prometheus-text.ts";

const header = "# HELP a_total A.\n# TYPE a_total counter\n";

test("a well-formed scrape is read", (t) => {
  const families = parsePrometheusText(`${header}a_total{x="1",y="\\"\\\\\\n"} 3\na_total 1e+3\n`);
  t.is(valueOf(families, "a_total", { x: "1", y: '"\\\n' }), 3);
});

test("a scrape that Prometheus would refuse, or read differently, is refused", (t) => {
  const histogram = "# HELP h H.\n# TYPE h histogram\n";
  for (const text of [
    `${header}a_total 1`,
    "a_total 1\n",
    "# TYPE a_total counter\na_total 1\n",
    `${header}${header}`,
    `${header}b_total 1\n`,
    `${header}a_total{x=1} 1\n`,
    `${header}a_total{x="1" 1\n`,
    `${header}a_total{x="1",} 1\n`,
    `${header}a_total{x="1",x="2"} 1\n`,
    `${header}a_total{x="\\q"} 1\n`,
    `${header}a_total{} 1\n`,
    `${header}a_total one\n`,
    `${header}a_total -1\n`,
    `${header}a_total  1\n`,
    `${header}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`,
    "# comment\n",
    `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`,
    `${histogram}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="+Inf"} 1\nh_count 1\n`,
  ]) {
    t.throws(() => parsePrometheusText(text), undefined, text);
  }
});

test("a quantile is interpolated inside its bucket, and is the last bound above it", (t) => {
  const buckets = [
    ["1", 50],
    ["2", 100],
    ["+Inf", 100],
  ] as const;
  t.is(histogramQuantile(0.75, buckets), 1.5);
  t.is(histogramQuantile(0.25, buckets), 0.5);
  t.is(
    histogramQuantile(0.99, [
      ["1", 0],
      ["+Inf", 10],
    ]),
    1,
  );
  t.is(
    histogramQuantile(0.5, [
      ["1", 0],
      ["+Inf", 0],
    ]),
    Number.NaN,
  );
});

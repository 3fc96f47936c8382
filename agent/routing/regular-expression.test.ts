// Regular expressions: RE2 syntax, whole value, linear time.
import test from "ava";
import { compileRegularExpression } from "./regular-expression.ts";

test("an expression that stalls a backtracking engine answers at once", (t) => {
  const expression = compileRegularExpression("(a*)*(a|aa)+b");
  t.false(expression.matches("a".repeat(8000)));
  t.true(expression.matches(`${"a".repeat(8000)}b`));
});

test("what RE2 does not have is refused: backreferences, lookaround", (t) => {
  for (const source of ["(a)\\1", "(?=a)b", "(?<=a)b", "a(?!b)", "(", "[", "a**", "\\"]) {
    t.throws(() => compileRegularExpression(source), { message: /.+/ }, source);
  }
});

test("an expression whose repetitions multiply is refused, not compiled", (t) => {
  t.throws(() => compileRegularExpression("((a{100}){100}){100}"));
  t.throws(() => compileRegularExpression("a{1001}"));
  t.throws(() => compileRegularExpression("a{400}b{400}"), { message: /too large: 80\d of 500 instructions/ });
  t.notThrows(() => compileRegularExpression("/users/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/.*)?"));
});

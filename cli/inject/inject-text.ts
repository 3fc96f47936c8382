// YAML in, the same YAML with sidecars out. What is not changed is printed as it was written, comments and all; a document
// with a pod that was injected is printed anew. All or nothing: with one wrong pod there is no output.
import { stringify } from "yaml";
import { skipMessages } from "../../control-plane/inject/decide.ts";
import { inject } from "../../control-plane/inject/inject.ts";
import type { InjectionSettings } from "../../control-plane/inject/settings.ts";
import { parseChunk, splitDocuments } from "../../control-plane/source/yaml-documents.ts";
import { changePods } from "./workload-pods.ts";

export interface InjectedText {
  readonly text: string;
  /** One line each: what was injected, what was not and why. */
  readonly notes: readonly string[];
  /** One line each, with the line of the file; when there is one, `text` is of no use. */
  readonly errors: readonly string[];
}

/** The version that kubectl reads: a plain `on` would be true to it. */
const kubectlYaml = "1.1";
/** What two containers have in common is written twice: anchors are for those who write YAML by hand. */
const yamlOptions = { lineWidth: 0, version: kubectlYaml, aliasDuplicateObjects: false } as const;

/** `defaultNamespace` is that of objects that name none. */
export function injectText(text: string, settings: InjectionSettings, defaultNamespace: string): InjectedText {
  const notes: string[] = [];
  const errors: string[] = [];
  const printed: string[] = [];
  for (const chunk of splitDocuments(text)) {
    const { documents, problems } = parseChunk(chunk.text, kubectlYaml);
    for (const { severity, message, line } of problems) {
      if (severity === "error") errors.push(`line ${chunk.lineOffset + line}: ${message}`);
    }
    const changed = documents.map(({ value, position }) => {
      const line = chunk.lineOffset + position.line;
      const after = changePods(value, ({ object, namespace, pod }) => {
        const result = inject(pod, namespace ?? defaultNamespace, settings);
        switch (result.kind) {
          case "inject":
            notes.push(`${object}: injected`, ...result.warnings.map((warning) => `${object}: warning: ${warning}`));
            return result.pod;
          case "skip":
            notes.push(`${object}: not injected: ${skipMessages[result.reason]}`);
            return pod;
          case "reject":
            errors.push(`line ${line}: ${object}: ${result.message}`);
            return pod;
        }
      });
      return { isChanged: after !== value, after };
    });
    if (changed.some(({ isChanged }) => isChanged)) {
      printed.push(...changed.map(({ after }) => `---\n${stringify(after, yamlOptions)}`));
    } else {
      printed.push(chunk.text.endsWith("\n") ? chunk.text : `${chunk.text}\n`);
    }
  }
  return { text: printed.join(""), notes, errors };
}

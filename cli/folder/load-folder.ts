// A folder of manifests read once, for commands that only look: the objects, and what is wrong with the files.
import { statSync } from "node:fs";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { FolderSource } from "../../control-plane/source/folder-source.ts";
import type { Problem } from "../../control-plane/source/source.ts";
import { UsageError } from "../failure.ts";

export interface LoadedFolder {
  /** Null when a file is broken. */
  readonly state: ClusterState | null;
  readonly problems: readonly Problem[];
}

/** Throws a UsageError when `folder` is not a folder. */
export async function loadFolder(folder: string, defaultNamespace = "default"): Promise<LoadedFolder> {
  assertFolder(folder);
  const source = new FolderSource({ folder, defaultNamespace });
  try {
    await source.start();
    return { state: source.current(), problems: source.problems() };
  } finally {
    await source.close();
  }
}

/** Throws a UsageError when `folder` is not a folder. */
export function assertFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${folder} is not a folder`);
  }
}

// How much a folder may hold before it is refused. Far above what people write, far below what hurts.

/** Of one file. */
export const maxFileBytes = 16 * 1024 * 1024;
/** Of one document: the API server takes requests of at most 1.5 MiB, and etcd objects of that size. */
export const maxDocumentBytes = 1536 * 1024;
/** Of one document, as yaml-documents.ts counts them: parsing takes about 20 microseconds for each. */
export const maxDocumentTokens = 100_000;
/** Documents of one file. */
export const maxDocuments = 20_000;
/** Of all files together. */
export const maxFolderBytes = 128 * 1024 * 1024;
/** Files with objects in one folder. */
export const maxFiles = 20_000;
/** Folders that are watched. */
export const maxFolders = 2000;
/** Folders inside folders. */
export const maxFolderDepth = 20;
/** Maps and lists inside each other. */
export const maxNesting = 64;
/** Values of one document after aliases are expanded. */
export const maxDocumentNodes = 500_000;
/** Of any string in a Gateway API object: no field of theirs may be longer. */
export const maxStringLength = 4096;
/** Problems that are kept and shown. */
export const maxProblems = 100;

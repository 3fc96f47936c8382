// What the X.509 library's dependency container asks of the runtime before it loads: the metadata half of Reflect, of
// which it reads only what nobody has set. Imported before the library, nowhere else; a real polyfill that is already
// there is left alone.
const reflect = Reflect as { getMetadata?: () => unknown; getOwnMetadata?: () => unknown };
reflect.getMetadata ??= () => undefined;
reflect.getOwnMetadata ??= () => undefined;

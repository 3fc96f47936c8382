// The label that tells Heddle's own objects from others of the same name (the API's recommended labels).

export const managedByLabel = "app.kubernetes.io/managed-by";
export const managedByValue = "heddle";
export const managedByLabels: Record<string, string> = { [managedByLabel]: managedByValue };

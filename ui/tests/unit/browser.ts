// As much of a browser as modules ask for when they are loaded.

const storage = { getItem: () => null, setItem: () => undefined };
Object.assign(globalThis, { sessionStorage: storage, localStorage: storage, location: new URL('http://localhost/'), addEventListener: () => undefined });

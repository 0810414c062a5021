// Conversations in this browser's IndexedDB; where there is none, as long as the page lives.
const NAME = "oneclickllm.playground";
const TABLE = "talks";

export async function openStore() {
  const database = await opened().catch(() => null);
  return database ? new Kept(database) : new Fleeting();
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

class Kept {
  isKept = true;

  constructor(database) {
    this.database = database;
    // Another tab may want a newer form of the table: do not stand in its way.
    database.onversionchange = () => database.close();
  }

  run(mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(TABLE, mode);
      const request = work(transaction.objectStore(TABLE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  all() { return this.run("readonly", (table) => table.getAll()); }
  put(talk) { return this.run("readwrite", (table) => table.put(talk)); }
  remove(id) { return this.run("readwrite", (table) => table.delete(id)); }
  clear() { return this.run("readwrite", (table) => table.clear()); }
}

class Fleeting {
  isKept = false;

  async all() { return []; }
  async put() {}
  async remove() {}
  async clear() {}
}

// Small things beside the conversations: local for good, session for this tab.
export function readJson(storage, key) {
  try {
    return JSON.parse(globalThis[storage].getItem(key));
  } catch {
    return null;
  }
}

export function writeJson(storage, key, value) {
  try {
    if (value === null) globalThis[storage].removeItem(key);
    else globalThis[storage].setItem(key, JSON.stringify(value));
  } catch {
    // Storage is switched off or full: the value lives as long as the page.
  }
}

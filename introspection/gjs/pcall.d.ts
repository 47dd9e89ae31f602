// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What Pcall has in GJS besides what introspection gives, for TypeScript and for editors. Types of
// the rest, Pcall.Task and so on, are what ts-for-gir makes of Pcall-1.0.gir.

declare module 'gi://Pcall?version=1.0' {
  export {default} from 'gi://Pcall';
}

declare module 'gi://Pcall' {
  import type Gio from 'gi://Gio';
  import type GLib from 'gi://GLib';

  namespace Pcall {
    /** A function, which goes to a worker as its source; or a target of the library. */
    type Target<A extends unknown[] = any[], R = any> = ((...args: A) => R | Promise<R>) | object;

    /** What each task can be told. Times are in seconds; 0 and Infinity are no limit. */
    interface Options {
      /** How long each call may run; of map(), each item. */
      timeout?: number;
      /** How long all of it may run. */
      deadline?: number;
      /** How long a child that is to end has between SIGTERM and SIGKILL. */
      gracePeriod?: number;
      /** How many processes there may be at once; 0 for as many as there are processors. */
      maxChildren?: number;
      /** After how many calls a process is replaced; 0 for never. */
      callsPerChild?: number;
      /** Pcall.LogMode */
      logMode?: number;
      logDirectory?: string | null;
      keepLogs?: boolean;
      /** In bytes; 0 for no limit. */
      maxLogSize?: number;
      /** Pcall.OutputMode */
      outputMode?: number;
      /** In the main loop, as of GLib's sources. */
      priority?: number;
      cancellable?: Gio.Cancellable | null;
      /** Whose workers run the calls. */
      pool?: Pool;
      /** Added to the niceness of this process. */
      nice?: number;
      /** The processors that children may use: [0, 2], or '0-3,8'. */
      cpuAffinity?: Iterable<number> | string;
      /** Bytes; 0 for as many as this process may have. */
      maxAddressSpace?: number;
      /** Open files; 0 for as many as this process may have. */
      maxOpenFiles?: number;
      workingDirectory?: string;
      /** All variables of workers. */
      environment?: Record<string, string>;
      /** What starts the workers on other machines, a Pcall.Launcher. */
      launcher?: object | null;
      /** How often a call is run again whose worker was lost with its machine. */
      retries?: number;
    }

    /** Of pcall() and the like. Each other name is a list of values for a keyword argument. */
    interface CallOptions extends Options {
      /** Arguments of all calls, before those of iargs. */
      cargs?: Iterable<unknown>;
      /** Lists of arguments, one for each call. */
      iargs?: Iterable<Iterable<unknown>>;
      /** Keyword arguments of all calls: an object that is their last argument. */
      ckwargs?: Record<string, unknown>;
      /** Such objects, one for each call. */
      ikwargs?: Iterable<Record<string, unknown>>;
      /** How many calls there are where no list says so. */
      nCalls?: number;
      /** Pcall.StartMethod */
      startMethod?: number;
      /** Whether children are in a control group of the task's own, which ends with it. */
      ownCgroup?: boolean;
      /** Pcall.FailurePolicy */
      failurePolicy?: number;
      /** What forked children are called; '' for as this process. */
      childName?: string;
      /** Whether a bar on standard error tells how far it is, where that is a terminal. */
      showProgress?: boolean;
      [keyword: string]: unknown;
    }

    interface MapOptions extends Options {
      /** Whether results come in the order of the items (the default), or as calls end. */
      ordered?: boolean;
      /** Whether what became of each item is told, as by Promise.allSettled(). */
      settled?: false;
    }

    interface SettledOptions extends Omit<MapOptions, 'settled'> {
      settled: true;
    }

    type Outcome<R> =
      | {index: number; status: 'fulfilled'; value: R}
      | {index: number; status: 'rejected'; reason: unknown};

    /** Results as they come. Who leaves the loop early ends what goes on. */
    interface Results<R> extends AsyncIterableIterator<R> {
      /** All that is left. */
      toArray(): Promise<R[]>;
    }

    type Items<T> = Iterable<T> | AsyncIterable<T>;

    interface MapFunction {
      <A, R>(func: Target<[A], R>, items: Items<A>, options?: MapOptions): Results<R>;
      <A, R>(func: Target<[A], R>, items: Items<A>, options: SettledOptions): Results<Outcome<R>>;
      <A, B, R>(func: Target<[A, B], R>, a: Items<A>, b: Items<B>, options?: MapOptions): Results<R>;
      <R = any>(func: Target, ...itemsAndOptions: unknown[]): Results<R>;
    }

    /** A call, of Pcall.Call, with values in the place of variants. */
    interface Call<R = any> {
      readonly index: number;
      readonly state: number;
      readonly pid: number;
      /** What the call has written so far; null where nothing is captured. */
      readonly output: string | null;
      readonly args: unknown[];
      readonly kwargs: Record<string, unknown>;
      readonly result: R | undefined;
      readonly error: unknown;
    }

    /** Runs the calls and waits; their results in call order. Throws what the first that failed threw. */
    function pcall<R = any>(targets: Target<any[], R> | Target[], options?: CallOptions): R[];
    /** The same while the main loop goes on. */
    function pcallAsync<R = any>(targets: Target<any[], R> | Target[], options?: CallOptions): Promise<R[]>;
    /** Calls as they end. */
    function asCompleted<R = any>(targets: Target<any[], R> | Target[] | Pcall, options?: CallOptions):
      AsyncGenerator<Call<R>, void, void>;
    /** Calls a function for each item, lazily, in workers that take many items at once. */
    const map: MapFunction;
    /** What a module exports, as a target: import.meta.url, a URI, a path or an object of imports. */
    function moduleTarget(module: string | object, name: string): object;

    /** Workers that stay between tasks, until they have been idle for long. */
    class Pool {
      constructor(options?: {maxChildren?: number; idleTimeout?: number});
      map: MapFunction;
      pcall: typeof pcall;
      pcallAsync: typeof pcallAsync;
      asCompleted: typeof asCompleted;
      /** Ends the workers that have no call, and keeps none from here on. */
      close(): void;
    }

    /** A task to start, watch and end by hand. */
    class Pcall<R = any> implements Iterable<Call<R>> {
      constructor(targets: Target<any[], R> | Target[], options?: CallOptions);
      readonly task: object;
      readonly results: R[] | null;
      readonly running: boolean;
      readonly length: number;
      readonly calls: Call<R>[];
      readonly childs: object[];
      readonly livings: object[];
      readonly pids: number[];
      start(): void;
      /** Whether all calls have ended in so many seconds; less than 0 is as long as it takes. */
      join(timeout?: number): boolean;
      joinAsync(): Promise<void>;
      terminate(): void;
      connect(signal: string, callback: (task: Pcall<R>, ...values: any[]) => void): number;
      disconnect(id: number): void;
      [Symbol.iterator](): Iterator<Call<R>>;
    }

    // In a function that runs in a worker

    /** Whether this is a worker. */
    const inWorker: boolean;
    function sendMessage(message: unknown): void;
    function reportProgress(fraction: number, text?: string | null): void;
    /** Which call of its task this is, or of map(), which item, from 0. */
    function callIndex(): number;
  }

  export default Pcall;
}

/** Some calls want the password or a code once more. Whoever shows the question registers here. */

type Ask = () => Promise<boolean>;

let ask: Ask | null = null;
let asking: Promise<boolean> | null = null;

/** Registers who asks; gives back how to take it away. */
export function askForProof(asker: Ask): () => void {
  ask = asker;
  return () => {
    if (ask === asker) ask = null;
  };
}

/** Whether the person has proved to be there. Calls that wait at the same moment share one question. */
export function proveAgain(): Promise<boolean> {
  if (!ask) return Promise.resolve(false);
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

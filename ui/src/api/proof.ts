/** Some calls want something of the person first. Whoever shows that question registers here. */

type Ask = () => Promise<boolean>;

class Question {
  private ask: Ask | null = null;
  private asking: Promise<boolean> | null = null;

  /** Registers who asks; gives back how to take it away. */
  askWith(asker: Ask): () => void {
    this.ask = asker;
    return () => {
      if (this.ask === asker) this.ask = null;
    };
  }

  /** Whether the person agreed. Calls that wait at the same moment share one question. */
  answer(): Promise<boolean> {
    if (!this.ask) return Promise.resolve(false);
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }
}

/** The password or a code once more. */
export const proof = new Question();
/** The text about broker keys, read and accepted. */
export const keyDisclosure = new Question();

/** What a refusal asks for; a call that was refused so is sent again after the answer. */
export const questionOf = (code: string): Question | undefined =>
  code === 'step_up_required' ? proof : code === 'disclosure_required' ? keyDisclosure : undefined;

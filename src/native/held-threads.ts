/** Worker threads that a file system holds in a call of the addon. Node's own end would wait for them. */
let held = 0;

export const threadHeld = (): void => {
  held++;
};

export const threadReleased = (): void => {
  held--;
};

export const hasHeldThreads = (): boolean => held > 0;

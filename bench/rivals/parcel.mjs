import { subscribe } from "@parcel/watcher";

export async function prepare() {
  return async (root, see, trouble) => {
    const subscription = await subscribe(root, (error, events) => {
      if (error) trouble(error);
      for (const event of events ?? []) see(event.path);
    });
    return { stop: () => subscription.unsubscribe() };
  };
}

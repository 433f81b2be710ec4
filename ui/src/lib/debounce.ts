import { useEffect, useState } from 'react';

/** The value once it has rested for a moment. Values are compared as text: an equal value made anew is no change. */
export function useRested<T>(value: T, ms = 400): T {
  const [rested, setRested] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return rested;
}

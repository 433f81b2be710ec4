/** A few line icons, drawn on a 24 × 24 grid. */
const paths = {
  home: 'M4 11l8-7 8 7v9h-5v-6H9v6H4z',
  bot: 'M12 3c4 0 7 6 7 10.5a7 7 0 0 1-14 0C5 9 8 3 12 3zM9 14h.01M15 14h.01M10 17.5h4',
  orders: 'M5 4h14v16H5zM8.5 9h7M8.5 13h7M8.5 17h4',
  history: 'M4 12a8 8 0 1 0 2.6-5.9M4 4v4h4M12 8v4l3 2',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4',
  positions: 'M4 20V10M10 20V4M16 20v-7M22 20H2',
  moon: 'M20 14A8 8 0 1 1 10 4a6.5 6.5 0 0 0 10 10z',
  schedule: 'M5 5h14v15H5zM5 10h14M9 3v4M15 3v4',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0',
  import: 'M12 3v11M8 10l4 4 4-4M4 17v4h16v-4',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17h.01',
  admin: 'M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z',
  eye: 'M2 12c3-5 6.3-7 10-7s7 2 10 7c-3 5-6.3 7-10 7s-7-2-10-7zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  eyeOff:
    'M4 4l16 16M6.5 7C4.800 8.200 3.300 10 2 12c3 5 6.300 7 10 7 1.800 0 3.500-.5 5-1.400M10 5.200c.7-.1 1.300-.2 2-.2 3.700 0 7 2 10 7-.7 1.200-1.500 2.200-2.300 3.100M9.900 9.900a3 3 0 0 0 4.200 4.200',
  plus: 'M12 5v14M5 12h14',
  stop: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM8.5 12h7',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  check: 'M5 13l4 4 10-10',
  up: 'M6 15l6-6 6 6',
  down: 'M6 9l6 6 6-6',
};
export type IconName = keyof typeof paths;

export function Icon({ name, className = 'size-5' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 24 24"
      className={className}
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 3 : 1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  );
}

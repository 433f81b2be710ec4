import type { ReactNode } from 'react';

export interface Column<T> {
  id: string;
  header: ReactNode;
  cell: (row: T) => ReactNode;
  /** Numbers stand on the right. */
  right?: boolean;
  /** The heading of the card on a phone. */
  lead?: boolean;
  /** Takes the whole width of the card on a phone. */
  wide?: boolean;
  /** There is nothing to say in this row: the card on a phone leaves it out. */
  absent?: (row: T) => boolean;
  /** Buttons: no label on a phone. */
  buttons?: boolean;
}

/** A table that turns into cards on a phone; one set of elements, so that screen readers meet each row once. */
export function DataTable<T>({
  label,
  columns,
  rows,
  rowKey,
  rowTestId,
  rowClass,
}: {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  rowTestId?: string;
  rowClass?: (row: T) => string;
}) {
  return (
    // biome-ignore-start lint/a11y/noRedundantRoles: a table laid out as blocks loses its roles without these
    <table role="table" aria-label={label} className="block w-full text-sm sm:table">
      <thead role="rowgroup" className="sr-only sm:not-sr-only sm:table-header-group">
        <tr role="row" className="border-line sm:border-b">
          {columns.map((column) => (
            <th
              key={column.id}
              role="columnheader"
              scope="col"
              className={`text-muted px-2 py-2 text-xs font-medium ${column.right ? 'text-right' : 'text-left'}`}
            >
              {column.buttons ? <span className="sr-only">{column.header}</span> : column.header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="block space-y-2 sm:table-row-group">
        {rows.map((row) => (
          <tr
            key={rowKey(row)}
            role="row"
            data-testid={rowTestId}
            data-key={rowKey(row)}
            className={`border-line grid grid-cols-2 gap-x-3 gap-y-1 rounded-xl border p-3 sm:table-row sm:rounded-none sm:border-0 sm:border-b sm:p-0 ${rowClass?.(row) ?? ''}`}
          >
            {columns.map((column) => (
              <td
                key={column.id}
                role="cell"
                className={`min-w-0 sm:px-2 sm:py-2 ${column.lead ? 'col-span-2 font-semibold sm:font-normal' : ''} ${column.wide || column.buttons ? 'col-span-2' : ''} ${column.right ? 'sm:text-right' : ''} ${column.absent?.(row) ? 'max-sm:hidden' : ''}`}
              >
                {!column.lead && !column.buttons && (
                  <span aria-hidden="true" className="text-muted block text-xs sm:hidden">
                    {column.header}
                  </span>
                )}
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
    // biome-ignore-end lint/a11y/noRedundantRoles: see above
  );
}

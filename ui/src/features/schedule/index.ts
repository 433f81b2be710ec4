export { SchedulePage } from './SchedulePage';
export { ScheduleTable } from './SeasonTable';

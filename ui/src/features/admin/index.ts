export { AdminPage } from './AdminPage';
export { LogsPage } from './LogsPage';
export { SystemPage } from './SystemPage';

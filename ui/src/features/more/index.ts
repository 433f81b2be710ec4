export { MorePage } from './MorePage';

export { PositionsPage } from './PositionsPage';

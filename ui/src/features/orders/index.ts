export { OrderPage } from './OrderPage';
export { OrderStateBadge } from './OrderState';
export { OrdersPage } from './OrdersPage';

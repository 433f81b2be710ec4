export { PreviewItemView, PreviewTimes } from './PreviewItem';
export { PreviewPage } from './PreviewPage';

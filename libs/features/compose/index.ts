export { ComposeApiModule } from './compose.module.js';

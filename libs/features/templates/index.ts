export { TemplatesApiModule } from './templates.module.js';

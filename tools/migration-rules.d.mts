export function incompatibilities(text: string, version: string): { sql: string; advice: string }[];
export function splitStatements(text: string): { sql: string; comments: string[] }[];

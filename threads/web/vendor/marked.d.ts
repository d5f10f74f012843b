export { Marked, Lexer, Parser, Renderer, Tokenizer, Hooks } from "marked";

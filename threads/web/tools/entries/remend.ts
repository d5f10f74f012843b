export { default } from "remend";

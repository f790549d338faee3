/// <reference path="../host.d.ts" />

/** The class of `native/binding.h`: the tables of a `Keywords`, copied to where pipes find them. */
export default class Search extends Native("xs_native_search_destructor") {
  constructor(keywords: object) {
    super();
    native("xs_native_search_constructor").call(this, keywords);
  }
}

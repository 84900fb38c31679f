// FILTER in SEARCH, and what a filter may hold (RFC 5466).
#include <algorithm>

#include "base/text.h"
#include "protocol/imap/search_budget.h"

namespace angarium::protocol::imap {
namespace {

/// RFC 5466 §3.1: the user's own, else that of all.
const Annotation* find_filter(const std::vector<Annotation>& filters, std::string_view name) {
  for (const std::string_view scope : {"/private"sv, "/shared"sv}) {
    const auto entry = std::string(scope) + "/filters/values/" + to_lower(name);
    const auto at = std::ranges::find(filters, entry, &Annotation::entry);
    if (at != filters.end()) return &*at;
  }
  return nullptr;
}

}  // namespace

Result<SearchNode> Parser::search_key_list(SearchBudget& budget, int depth) {
  // search-criteria = search-key *(SP search-key)
  SearchNode node{.key = SearchNode::Key::both};
  do {
    auto child = TRY(search_key(budget, depth + 1));
    node.reads_messages |= child.reads_messages;
    node.fuzzy |= child.fuzzy;
    node.children.push_back(std::move(child));
  } while (present(' '));
  TRY(end());
  return node;
}

Result<SearchNode> Parser::search_filter(SearchBudget& budget, int depth) {
  // filter-name = 1*<any ATOM-CHAR except "/">
  const std::string name(TRY(atom()));
  if (name.contains('/')) return expected("filter name without a slash");
  budget.filter = true;
  if (budget.filters == SearchBudget::Filters::only_named) return SearchNode{.key = SearchNode::Key::all};
  const Annotation* const filter = filters_ == nullptr ? nullptr : find_filter(*filters_, name);
  // What is left after so many substitutions is not there, and so a loop ends (RFC 5466 §3.1).
  if (filter == nullptr || budget.passes == 0) return fail(kUndefinedFilter, name);
  --budget.passes;
  Parser inside(*filter->value, NameForm::utf8);
  inside.filters_ = filters_;
  auto node = inside.search_key_list(budget, depth);
  ++budget.passes;
  // One that was stored before its form was looked at, or under other rules: the client's command is not at fault.
  if (!node && node.error().fault() == Fault::syntax) return fail(kUndefinedFilter, name);
  return node;
}

Result<void> Parser::filter_value() {
  SearchBudget budget;
  budget.filters = SearchBudget::Filters::only_named;
  TRY(search_key_list(budget, 1));
  return {};
}

}  // namespace angarium::protocol::imap

// sort-criteria and thread-alg (RFC 5256 §5, RFC 5957 §5, RFC 6203 §6).
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

constexpr auto kSortKeys = std::to_array<std::pair<std::string_view, SortBy>>({
    {"ARRIVAL", SortBy::arrival},
    {"CC", SortBy::cc},
    {"DATE", SortBy::date},
    {"DISPLAYFROM", SortBy::display_from},
    {"DISPLAYTO", SortBy::display_to},
    {"FROM", SortBy::from},
    {"RELEVANCY", SortBy::relevancy},
    {"SIZE", SortBy::size},
    {"SUBJECT", SortBy::subject},
    {"TO", SortBy::to},
});

}  // namespace

Result<std::vector<SortCriterion>> Parser::sort_criteria() {
  // sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
  std::vector<SortCriterion> criteria;
  TRY(require('('));
  do {
    SortCriterion criterion;
    auto name = TRY(word());
    if (name == "REVERSE") {
      criterion.order = SortCriterion::Order::descending;
      TRY(space());
      name = TRY(word());
    }
    const auto* const key = std::ranges::find(kSortKeys, name, &std::pair<std::string_view, SortBy>::first);
    if (key == kSortKeys.end()) return expected("sort key before this");
    criterion.by = key->second;
    // What is equal by a key is equal by it again.
    if (std::ranges::find(criteria, criterion.by, &SortCriterion::by) == criteria.end()) criteria.push_back(criterion);
  } while (present(' '));
  TRY(require(')'));
  return criteria;
}

Result<SortProgram> Parser::sort_program() {
  // extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria (RFC 5267 §5)
  SortProgram program;
  if (present("RETURN ")) {
    TRY(search_returns(program.search));
    TRY(space());
  }
  program.criteria = TRY(sort_criteria());
  TRY(space());
  TRY(search_criteria(program.search));
  // RFC 6203 §6.
  const auto& criteria = program.criteria;
  const bool relevancy = std::ranges::find(criteria, SortBy::relevancy, &SortCriterion::by) != criteria.end();
  if (relevancy && !program.search.uses_fuzzy) return fail(kSyntax, "RELEVANCY takes a FUZZY key");
  return program;
}

Result<ThreadBy> Parser::thread_algorithm() {
  const auto name = TRY(word());
  if (name == "ORDEREDSUBJECT") return ThreadBy::ordered_subject;
  if (name == "REFERENCES") return ThreadBy::references;
  if (name == "REFS") return ThreadBy::refs;
  return expected("ORDEREDSUBJECT, REFERENCES or REFS before this");
}

}  // namespace angarium::protocol::imap

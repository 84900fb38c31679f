// search-key and the RETURN options (RFC 9051 §6.4.4 and §9, RFC 4731, RFC 5182, RFC 6203, RFC 7162 §3.1.5, RFC 8474
// §5.2).
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "protocol/imap/search_budget.h"

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

enum class Argument { none, text, day, size, interval, uid };

struct Row {
  std::string_view name;
  Key key;
  Argument argument = Argument::none;
  Flags flags = 0;
  enum class Sense { plain, negated } sense = Sense::plain;
};

constexpr Row kRows[] = {
    {"ALL", Key::all},
    {"ANSWERED", Key::flag, Argument::none, kAnswered},
    {"BCC", Key::bcc, Argument::text},
    {"BEFORE", Key::before, Argument::day},
    {"BODY", Key::body, Argument::text},
    {"CC", Key::cc, Argument::text},
    {"DELETED", Key::flag, Argument::none, kDeleted},
    {"DRAFT", Key::flag, Argument::none, kDraft},
    {"FLAGGED", Key::flag, Argument::none, kFlagged},
    {"FROM", Key::from, Argument::text},
    {"LARGER", Key::larger, Argument::size},
    {"NEW", Key::fresh},
    {"OLD", Key::recent, Argument::none, 0, Row::Sense::negated},
    {"OLDER", Key::older, Argument::interval},
    {"ON", Key::on, Argument::day},
    {"RECENT", Key::recent},
    {"SAVEDATESUPPORTED", Key::all},
    {"SAVEDBEFORE", Key::saved_before, Argument::day},
    {"SAVEDON", Key::saved_on, Argument::day},
    {"SAVEDSINCE", Key::saved_since, Argument::day},
    {"SEEN", Key::flag, Argument::none, kSeen},
    {"SENTBEFORE", Key::sent_before, Argument::day},
    {"SENTON", Key::sent_on, Argument::day},
    {"SENTSINCE", Key::sent_since, Argument::day},
    {"SINCE", Key::since, Argument::day},
    {"SMALLER", Key::smaller, Argument::size},
    {"SUBJECT", Key::subject, Argument::text},
    {"TEXT", Key::text, Argument::text},
    {"TO", Key::to, Argument::text},
    {"UIDAFTER", Key::uid_after, Argument::uid},
    {"UIDBEFORE", Key::uid_before, Argument::uid},
    {"UNANSWERED", Key::flag, Argument::none, kAnswered, Row::Sense::negated},
    {"UNDELETED", Key::flag, Argument::none, kDeleted, Row::Sense::negated},
    {"UNDRAFT", Key::flag, Argument::none, kDraft, Row::Sense::negated},
    {"UNFLAGGED", Key::flag, Argument::none, kFlagged, Row::Sense::negated},
    {"UNSEEN", Key::flag, Argument::none, kSeen, Row::Sense::negated},
    {"YOUNGER", Key::younger, Argument::interval},
};

void add_child(SearchNode& node, SearchNode child) {
  node.reads_messages |= child.reads_messages;
  node.fuzzy |= child.fuzzy;
  node.children.push_back(std::move(child));
}

SearchNode negation(SearchNode of) {
  SearchNode node{.key = Key::negation};
  add_child(node, std::move(of));
  return node;
}

}  // namespace

ResultRange::Places ResultRange::of(std::uint64_t count) const {
  const auto near = std::min<std::uint64_t>(least - 1, count);
  const auto far = std::min<std::uint64_t>(most, count);
  return from == From::first ? Places{near, far} : Places{count - far, count - near};
}

Result<SearchNode> Parser::search_modseq() {
  // search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer. Every metadata item of a
  // message has the message's own MODSEQ here, so the entry narrows nothing (RFC 7162 §3.1.5 permits it).
  SearchNode node{.key = Key::modseq};
  if (peek() == '"') {
    const auto entry = TRY(string());
    if (!entry.starts_with("/flags/")) return expected("\"/flags/\" and a flag name");
    TRY(space());
    const auto type = TRY(word());
    if (type != "PRIV" && type != "SHARED" && type != "ALL") return expected("priv, shared or all");
    TRY(space());
  }
  node.number = TRY(mod_sequence_valzer());
  return node;
}

Result<SearchNode> Parser::search_header(SearchBudget& budget) {
  SearchNode node{.key = Key::header};
  node.reads_messages = true;
  TRY(budget.take_text());
  node.name = TRY(astring());
  if (node.name.empty() || node.name.find_first_of(" :\r\n"sv) != std::string::npos)
    return expected("header field name");
  TRY(space());
  node.value = TRY(astring());
  node.fuzzy = budget.inside_fuzzy;
  return node;
}

Result<SearchNode> Parser::search_fuzzy(SearchBudget& budget, int depth) {
  // search-key =/ "FUZZY" SP search-key (RFC 6203 §7). Keys other than texts are matched exactly (§5).
  budget.fuzzy = true;
  const bool outer = std::exchange(budget.inside_fuzzy, true);
  auto node = search_key(budget, depth + 1);
  budget.inside_fuzzy = outer;
  return node;
}

Result<SearchNode> Parser::search_named(std::string_view name, SearchBudget& budget, int depth) {
  if (const auto* row = std::ranges::find(kRows, name, &Row::name); row != std::end(kRows)) {
    SearchNode node{.key = row->key, .flags = row->flags};
    if (row->argument != Argument::none) TRY(space());
    if (row->argument == Argument::text) {
      TRY(budget.take_text());
      node.value = TRY(astring());
      node.fuzzy = budget.inside_fuzzy;
    }
    if (row->argument == Argument::day) node.day = TRY(date());
    if (row->argument == Argument::size) node.number = TRY(number64());
    if (row->argument == Argument::interval || row->argument == Argument::uid) node.number = TRY(nz_number());
    const bool sent = row->key == Key::sent_before || row->key == Key::sent_on || row->key == Key::sent_since;
    node.reads_messages = sent || row->argument == Argument::text;
    if (sent) TRY(budget.take_text());
    return row->sense == Row::Sense::negated ? negation(std::move(node)) : std::move(node);
  }
  TRY(space());
  if (name == "NOT") return negation(TRY(search_key(budget, depth + 1)));
  if (name == "FUZZY") return search_fuzzy(budget, depth);
  if (name == "OR") {
    SearchNode node{.key = Key::either};
    add_child(node, TRY(search_key(budget, depth + 1)));
    TRY(space());
    add_child(node, TRY(search_key(budget, depth + 1)));
    return node;
  }
  if (name == "KEYWORD" || name == "UNKEYWORD") {
    SearchNode node{.key = Key::keyword};
    node.name = TRY(atom());
    return name == "KEYWORD" ? std::move(node) : negation(std::move(node));
  }
  if (name == "UID") {
    SearchNode node{.key = Key::uid};
    node.set = TRY(sequence_set());
    return node;
  }
  if (name == "HEADER") return search_header(budget);
  if (name == "FILTER") return search_filter(budget, depth);
  if (name == "EMAILID" || name == "THREADID") {
    SearchNode node{.key = name == "EMAILID" ? Key::email_id : Key::thread_id};
    TRY(budget.take_text());
    node.reads_messages = true;
    node.name = TRY(astring());
    return node;
  }
  if (name == "MODSEQ") {
    budget.modseq = true;
    return search_modseq();
  }
  return expected("search key before this");
}

Result<SearchNode> Parser::search_key(SearchBudget& budget, int depth) {
  if (depth > kSearchDepthMax) return fail(kSyntax, "SEARCH is nested too deeply");
  if (budget.keys-- == 0) return fail(kLimit, "Too many keys in one SEARCH");
  if (present('(')) {
    SearchNode node{.key = Key::both};
    do {
      add_child(node, TRY(search_key(budget, depth + 1)));
    } while (present(' '));
    TRY(require(')'));
    return node;
  }
  if (is_digit(peek()) || peek() == '*' || peek() == '$') {
    SearchNode node{.key = Key::sequence};
    node.set = TRY(sequence_set());
    return node;
  }
  const auto name = TRY(word());
  return search_named(name, budget, depth);
}

Result<void> Parser::search_return(SearchProgram& into) {
  const auto name = TRY(word());
  if (name == "MIN") {
    into.returns |= kReturnMin;
  } else if (name == "MAX") {
    into.returns |= kReturnMax;
  } else if (name == "ALL") {
    into.returns |= kReturnAll;
  } else if (name == "COUNT") {
    into.returns |= kReturnCount;
  } else if (name == "SAVE") {
    into.returns |= kReturnSave;
  } else if (name == "RELEVANCY") {
    into.returns |= kReturnRelevancy;
  } else if (name == "PARTIAL" && (into.returns & kReturnPartial) == 0) {
    into.returns |= kReturnPartial;
    TRY(space());
    into.partial = TRY(partial_range());
  } else if (name == "UPDATE" && !into.update) {
    into.update = true;
    // modifier-update = "UPDATE" [ "(" fetch-att *(SP fetch-att) ")" ] (RFC 5465 §8), whose examples have a blank
    // there.
    if (peek() == '(' || present(" (")) {
      if (peek() != '(') move_to(position() - 1);
      into.update_items = TRY(unasked_attributes());
    }
  } else if (name != "CONTEXT") {
    // RFC 5267 §4.2: CONTEXT is a hint, and what is found is found anew each time.
    return expected("MIN, MAX, ALL, COUNT, SAVE, RELEVANCY, CONTEXT, or PARTIAL or UPDATE once");
  }
  return {};
}

Result<void> Parser::search_returns(SearchProgram& into) {
  // search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
  into.extended = true;
  TRY(require('('));
  if (present(')')) {
    into.returns = kReturnAll;
    return {};
  }
  do {
    TRY(search_return(into));
  } while (present(' '));
  // RFC 9394 §3.1: one PARTIAL or ALL.
  if ((into.returns & kReturnPartial) != 0 && (into.returns & kReturnAll) != 0)
    return expected("no ALL beside PARTIAL");
  return require(')');
}

Result<ResultRange> Parser::partial_range() {
  // partial-range-first = nz-number ":" nz-number; partial-range-last = MINUS nz-number ":" MINUS nz-number
  ResultRange range;
  const auto begin = position();
  const bool last = present('-');
  if (last) range.from = ResultRange::From::last;
  range.least = TRY(nz_number());
  TRY(require(':'));
  if (last) TRY(require('-'));
  range.most = TRY(nz_number());
  range.written = text_.substr(begin, position() - begin);
  if (range.least > range.most) std::swap(range.least, range.most);
  return range;
}

Result<void> Parser::search_keys(SearchProgram& into) {
  into.root.key = Key::both;
  SearchBudget budget;
  do {
    add_child(into.root, TRY(search_key(budget, 1)));
  } while (present(' '));
  into.uses_modseq = budget.modseq;
  into.uses_filter = budget.filter;
  into.uses_fuzzy = budget.fuzzy;
  // RFC 6203 §4.
  if ((into.returns & kReturnRelevancy) != 0 && !into.uses_fuzzy) return fail(kSyntax, "RELEVANCY takes a FUZZY key");
  return {};
}

Result<SearchProgram> Parser::search_program() {
  SearchProgram program;
  if (present("RETURN ")) {
    TRY(search_returns(program));
    TRY(space());
  }
  if (present("CHARSET ")) {
    program.charset = to_upper(TRY(astring()));
    TRY(space());
  }
  TRY(search_keys(program));
  return program;
}

Result<MultiSearchProgram> Parser::multi_search_program() {
  // esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
  // esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")" (RFC 7377 §4); no scope option is
  // known.
  MultiSearchProgram program;
  if (present("IN (")) {
    do {
      if (program.sources.size() >= kMailboxFiltersMax) return fail(kLimit, "Too many sources");
      program.sources.push_back(TRY(filter_mailboxes(FilterUse::search)));
    } while (present(' '));
    TRY(require(')'));
    TRY(space());
  } else {
    program.sources.emplace_back();
  }
  program.search = TRY(search_program());
  // RFC 7377 §2.1: ALL where no result option is written.
  if (!program.search.extended) program.search.returns = kReturnAll;
  program.search.extended = true;
  return program;
}

Result<void> Parser::search_criteria(SearchProgram& into) {
  // search-criteria = charset 1*(SP search-key) (RFC 5256 §5)
  into.charset_required = true;
  into.charset = to_upper(TRY(astring()));
  TRY(space());
  return search_keys(into);
}

}  // namespace angarium::protocol::imap

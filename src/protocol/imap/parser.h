// The grammar of commands (RFC 9051 §9): functions that bear the ABNF names, over present, require and end.
// They look at a command whole in memory, literals in place, and copy only what a value must own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "protocol/imap/error.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// How mailbox names and quoted strings are written on this connection.
enum class NameForm {
  modified_utf7,  ///< RFC 3501 §5.1.3: IMAP4rev1 without UTF8=ACCEPT
  utf8,           ///< after ENABLE IMAP4rev2 or UTF8=ACCEPT
};

/// A cursor over one command or response. Every function either consumes what its name says or returns kSyntax and
/// leaves the cursor anywhere. Nothing recurses except the SEARCH grammar, to kSearchDepthMax.
class Parser {
 public:
  explicit Parser(std::string_view text, NameForm names = NameForm::modified_utf7) : text_(text), names_(names) {}

  // The three verbs.
  /// Consumes `c` or `word` (without regard to case) when it comes next.
  bool present(char c);
  bool present(std::string_view word);
  Result<void> require(char c);
  Result<void> require(std::string_view word);
  /// Nothing may be left.
  Result<void> end() const;

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] std::size_t position() const { return at_; }
  void move_to(std::size_t position) { at_ = position; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] NameForm names() const { return names_; }
  /// From here on errors do not repeat what stands there: it may be a password.
  void conceal() { echo_ = Echo::concealed; }
  /// The server's annotations, among which FILTER finds its filters (RFC 5466 §3.1); without them there are none.
  void use_filters(std::shared_ptr<const std::vector<Annotation>> filters) { filters_ = std::move(filters); }
  [[nodiscard]] std::unexpected<Error> expected(std::string_view what) const;

  Result<void> space() { return require(' '); }
  /// Letters, digits and hyphens, upper case: the names of commands, items, keys and capabilities.
  Result<std::string> word();
  Result<std::string_view> tag();
  Result<std::string_view> atom();
  /// The octets of quoted or literal; a view into the command unless the quoted string holds "\".
  Result<std::string> string();
  Result<std::string> astring();
  /// nullopt: NIL.
  Result<std::optional<std::string>> nstring();
  /// The same as servers write them: 8-bit octets in strings and names, literal8.
  Result<std::string> astring8();
  Result<std::optional<std::string>> nstring8();
  Result<std::uint32_t> number();
  Result<std::uint32_t> nz_number();
  Result<std::uint64_t> number64();
  /// RFC 7162 §7, mod-sequence-value; mod-sequence-valzer when zero is allowed.
  Result<std::uint64_t> mod_sequence_value();
  Result<std::uint64_t> mod_sequence_valzer();
  /// sequence-set with "*" and "$".
  Result<SequenceSet> sequence_set();
  /// The sets of RFC 7162 that hold plain UIDs: no "*", no "$".
  Result<SequenceSet> known_sequence_set();
  /// A mailbox name in UTF-8, INBOX in upper case; kCannot for names that no mailbox can have.
  Result<std::string> mailbox();
  /// list-mailbox in UTF-8, wildcards kept; reference too. Nothing for one that no name can match: RFC 9051 §6.3.9
  /// wants it ignored.
  Result<std::optional<std::string>> list_mailbox();
  Result<FlagList> flag_list();
  /// STORE permits the list without parentheses (RFC 9051 §9, store-att-flags).
  Result<FlagList> store_flags();
  /// "1-Feb-1994", quoted or not.
  Result<Day> date();
  /// DQUOTE date-time DQUOTE; the moment in UTC.
  Result<InternalDate> date_time();

  // Lists of items: one file each.
  Result<FetchProgram> fetch_attributes();            // fetch_grammar.cpp
  Result<SearchProgram> search_program();             // search_grammar.cpp
  Result<MultiSearchProgram> multi_search_program();  // search_grammar.cpp
  /// Where filters are written decides which there are.
  enum class FilterUse : std::uint8_t { search, notify };
  Result<MailboxFilter> filter_mailboxes(FilterUse use);  // list_grammar.cpp
  /// "(" fetch-att *(SP fetch-att) ")": what is told unasked never sets \Seen.
  Result<FetchProgram> unasked_attributes();          // fetch_grammar.cpp
  Result<NotifyProgram> notify_arguments();           // notify_grammar.cpp
  Result<SortProgram> sort_program();                 // sort_grammar.cpp
  Result<ThreadBy> thread_algorithm();                // sort_grammar.cpp
  Result<void> search_criteria(SearchProgram& into);  // search_grammar.cpp: a charset and keys
  Result<ResultRange> partial_range();                // search_grammar.cpp
  /// Whether all of it is what a filter may hold, whatever filters it names (RFC 5466 §3.2).
  Result<void> filter_value();                // filter_grammar.cpp
  Result<ListProgram> list_arguments();       // list_grammar.cpp
  Result<std::uint32_t> status_attributes();  // list_grammar.cpp
  /// The mailbox of GETMETADATA and SETMETADATA; empty: the server.
  Result<std::string> metadata_mailbox();                               // metadata_grammar.cpp
  Result<std::vector<std::string>> entries();                           // metadata_grammar.cpp
  Result<AnnotationQuery> getmetadata_arguments(std::string& mailbox);  // metadata_grammar.cpp
  Result<std::vector<Annotation>> entry_values();                       // metadata_grammar.cpp
  /// section = "[" [section-spec] "]" (RFC 9051 §9); `form` decides what may stand in it.
  Result<Section> section(SectionItem::Form form);

 private:
  enum class Octets { strict, any };
  Result<std::string> quoted(Octets octets = Octets::strict);
  Result<std::string> literal(Octets octets = Octets::strict);
  Result<void> flag(FlagList& into);
  Result<std::uint32_t> seq_number();
  Result<SequenceSet> ranges(bool star);
  std::string_view run(bool (*holds)(char));

  Result<void> fetch_attribute(FetchProgram& into);
  Result<void> fetch_modifiers(FetchProgram& into);
  Result<Partial> partial();
  Result<std::vector<std::string>> header_list();

  /// What one SEARCH may still have (search_budget.h).
  struct SearchBudget;
  Result<SearchNode> search_key(SearchBudget& budget, int depth);
  Result<SearchNode> search_named(std::string_view name, SearchBudget& budget, int depth);
  Result<SearchNode> search_modseq();
  Result<SearchNode> search_fuzzy(SearchBudget& budget, int depth);
  Result<SearchNode> search_filter(SearchBudget& budget, int depth);    // filter_grammar.cpp
  Result<SearchNode> search_key_list(SearchBudget& budget, int depth);  // filter_grammar.cpp
  Result<SearchNode> search_header(SearchBudget& budget);
  Result<void> search_returns(SearchProgram& into);
  Result<void> search_return(SearchProgram& into);
  Result<void> search_keys(SearchProgram& into);
  /// Each key once, as only its first counts.
  Result<std::vector<SortCriterion>> sort_criteria();

  Result<EventGroup> event_group();
  Result<std::string> entry();
  Result<void> getmetadata_options(AnnotationQuery& into);

  Result<void> list_select(ListProgram& into);
  Result<void> list_returns(ListProgram& into);

  std::string_view text_;
  std::size_t at_ = 0;
  NameForm names_;
  std::shared_ptr<const std::vector<Annotation>> filters_;
  enum class Echo : std::uint8_t { shown, concealed };
  Echo echo_ = Echo::shown;
};

/// atom-specials excluded, and octets above 127 (RFC 9051 §9, ATOM-CHAR).
bool is_atom_char(char c);

}  // namespace angarium::protocol::imap

// ESEARCH: one search in many mailboxes (RFC 7377).
#include <algorithm>

#include "protocol/imap/contexts.h"
#include "protocol/imap/mailbox_filter.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {
namespace {

using Kind = MailboxFilter::Kind;

/// One ESEARCH at work.
class MultiSearch {
 public:
  MultiSearch(Session& session, Command& command, MultiSearchProgram program)
      : session_(session), command_(command), program_(std::move(program)) {}

  io::Task<Result<Reply>> run() {
    CO_TRY(may_run());
    CO_TRY(prepare_program(session_, program_.search));
    const auto names = CO_TRY(co_await other_names());
    Progress progress(session_, command_.tag);
    progress_ = &progress;
    if (with_selected_) CO_TRY(co_await search_selected());
    std::uint64_t done_names = 0;
    for (const auto& name : names) {
      CO_TRY(co_await search(name));
      progress.at(++done_names, names.size());
    }
    if (program_.search.update && !with_selected_)
      refuse_updates(session_, command_.tag, "Only the selected mailbox is kept up to date");
    co_return done("ESEARCH completed");
  }

 private:
  Result<void> may_run() {
    const auto selects = [](const MailboxFilter& filter) { return filter.kind == Kind::selected; };
    with_selected_ = std::ranges::any_of(program_.sources, selects);
    const bool selected_alone = std::ranges::all_of(program_.sources, selects);
    // RFC 7377 §2.2.
    if ((with_selected_ || program_.search.update) && session_.selected == nullptr)
      return fail(kWrongState, "No mailbox is selected");
    if ((program_.search.returns & kReturnSave) != 0 && !selected_alone)
      return fail(kSyntax, "SAVE is of the selected mailbox alone");
    if (program_.search.update && tag_is_used(session_, command_.tag)) return fail(kSyntax, "The tag is in use");
    return {};
  }

  /// The mailboxes to search, each once and in order; without the selected one, for which with_selected_ is set.
  io::Task<Result<std::vector<std::string>>> other_names() {
    std::vector<std::string> names;
    const auto selects = [](const MailboxFilter& filter) { return filter.kind == Kind::selected; };
    if (std::ranges::all_of(program_.sources, selects)) co_return names;
    const auto rows = CO_TRY(co_await session_.account->list());
    const auto namespaces = session_.account->namespaces();
    const auto selected = session_.selected == nullptr ? std::string() : session_.selected->mailbox().name();
    for (const auto& row : rows) {
      if ((row.attributes & (kNameNoSelect | kNameNonExistent)) != 0) continue;
      if (std::ranges::none_of(program_.sources, [&](const auto& f) { return matches(f, row, namespaces); })) continue;
      if (row.name == selected) {
        with_selected_ = true;
      } else {
        names.push_back(row.name);
      }
    }
    std::ranges::sort(names);
    co_return names;
  }

  io::Task<Result<void>> search_selected() {
    const auto& selected = *session_.selected;
    auto found = co_await find(selected);
    const bool saves = (program_.search.returns & kReturnSave) != 0;
    if (!found) {
      // RFC 5182 §2.1, as with SEARCH.
      if (saves && found.error().fault() != Fault::syntax) session_.selected->saved.clear();
      co_return std::unexpected(std::move(found).error());
    }
    const auto correlator = correlate(selected, selected.mailbox().name());
    const auto answer = answer_of(*found, Addressing::uid, program_.search.returns, program_.search.partial);
    if (saves) session_.selected->saved = to_save(*found, answer, program_.search.returns);
    CO_TRY(co_await tell(selected, correlator, *found, answer));
    if (program_.search.update) CO_TRY(co_await keep_updated(session_, correlator, program_.search, *found));
    co_return Result<void>{};
  }

  io::Task<Result<void>> search(const std::string& name) {
    auto mailbox = co_await session_.account->select(name, Access::read_only);
    if (!mailbox && mailbox.error().fault() == Fault::user) {
      // RFC 7377 §2.2: gone meanwhile, or nothing for this user.
      co_return Result<void>{};
    }
    if (!mailbox) co_return std::unexpected(std::move(mailbox).error());
    auto view = (*mailbox)->view();
    if (view == nullptr) co_return Result<void>{};
    io::Event unheard;
    const Selected other(*std::move(mailbox), std::move(view), unheard);
    const auto found = CO_TRY(co_await find(other));
    const auto answer = answer_of(found, Addressing::uid, program_.search.returns, program_.search.partial);
    co_return co_await tell(other, correlate(other, name), found, answer);
  }

  io::Task<Result<SearchResult>> find(const Selected& selected) {
    // What is counted are the mailboxes.
    session_.progress = nullptr;
    auto found = co_await Searcher(session_, selected, program_.search).run();
    session_.progress = progress_;
    co_return found;
  }

  [[nodiscard]] Correlator correlate(const Selected& selected, const std::string& name) const {
    Correlator correlator{.tag = command_.tag, .addressing = Addressing::uid};
    append_mailbox(correlator.mailbox, name, session_.names());
    correlator.uid_validity = selected.facts().uid_validity;
    return correlator;
  }

  io::Task<Result<void>> tell(const Selected& selected, const Correlator& correlator, const SearchResult& found,
                              const Answer& answer) {
    // RFC 7377 §2.1: nothing is told of a mailbox where nothing was found.
    if (found.uids.empty()) co_return Result<void>{};
    tell_answer(session_, selected, correlator, program_.search, program_.search.returns, found, answer);
    progress_->pause();
    CO_TRY(co_await session_.room());
    progress_->resume();
    co_return Result<void>{};
  }

  Session& session_;
  Command& command_;
  MultiSearchProgram program_;
  bool with_selected_ = false;
  Progress* progress_ = nullptr;
};

}  // namespace

io::Task<Result<Reply>> esearch(Session& session, Command& command) {
  CO_TRY(co_await use_filters(session, command.parser));
  auto program = CO_TRY(command.parser.multi_search_program());
  CO_TRY(command.parser.end());
  co_return co_await MultiSearch(session, command, std::move(program)).run();
}

}  // namespace angarium::protocol::imap::command

// The commands that write letters about messages.
#include "base/text.h"
#include "message/address.h"
#include "mua/error.h"
#include "mua/reader.h"
#include "mua/reply.h"
#include "mua/screen.h"

namespace angarium::mua {
bool Reader::is_own(std::string_view spec) const {
  if (equals_ignore_case(spec, here_.user) || settings_.alternates().contains(spec)) return true;
  const auto own = message::parse_addresses(settings_.get("from")).addresses;
  if (!own.empty() && equals_ignore_case(own.front().spec(), spec)) return true;
  return equals_ignore_case(spec, here_.user + "@" + here_.delivery.host);
}

void Reader::compose_and_send(Draft draft, const std::vector<std::size_t>& about, message::BoxFlags flag) {
  const Quoter quoter = [this, &about](std::string_view list, Quote how) { return quoted(list, how, about); };
  Composer composer(here_, settings_, draft, quoter);
  if (composer.run(here_.terminal.interactive()) == Composer::End::given_up) return;
  if (!send(here_, settings_, std::move(draft))) return;
  for (const std::size_t number : about) box_->at(number).flags |= flag;
}

Reader::Next Reader::mail(std::string_view argument) {
  Draft draft;
  draft.to = split_addresses(argument);
  compose_and_send(std::move(draft), {}, 0);
  return Next::goes_on;
}

Reader::Next Reader::reply(std::string_view argument) { return answer(argument, !settings_.is_set("flipr")); }

Reader::Next Reader::reply_to_sender(std::string_view argument) { return answer(argument, settings_.is_set("flipr")); }

Reader::Next Reader::answer(std::string_view argument, bool everybody) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  const auto header = header_of(numbers->front());
  if (!header) {
    complain(header.error());
    return Next::goes_on;
  }
  const auto own = [this](std::string_view spec) { return !settings_.is_set("metoo") && is_own(spec); };
  Draft draft = answer_to(*header, everybody ? Answer::to_all : Answer::to_sender, own);
  if (draft.to.empty()) {
    here_.terminal.complain("the message names nobody to reply to");
    return Next::goes_on;
  }
  std::string shown = "To:";
  for (const std::string& address : draft.to) shown += " " + visible(address);
  for (const std::string& address : draft.cc)
    shown += (&address == &draft.cc.front() ? "\nCc: " : " ") + visible(address);
  here_.terminal.write(shown + "\nSubject: " + visible(draft.subject) + "\n");
  go_to(numbers->front());
  compose_and_send(std::move(draft), *numbers, message::kBoxAnswered | message::kBoxSeen);
  return Next::goes_on;
}

Reader::Next Reader::forward(std::string_view argument) {
  const auto [text, to] = split_file(argument);
  if (to.empty()) {
    here_.terminal.complain("forward takes an address: forward 3 anna@example.org");
    return Next::goes_on;
  }
  const auto numbers = chosen(text);
  if (!numbers) return Next::goes_on;
  Draft draft;
  draft.to = split_addresses(to);
  for (const std::size_t number : *numbers) {
    const auto header = header_of(number);
    auto body = quoted(std::to_string(number + 1), Quote::as_it_is, {});
    if (!header || !body) {
      complain(header ? body.error() : header.error());
      return Next::goes_on;
    }
    if (draft.subject.empty()) draft.subject = subject_with("Fwd:", field_text(*header, "Subject"));
    draft.body += "-------- Original Message --------\n" + *body + "\n";
  }
  compose_and_send(std::move(draft), *numbers, message::kBoxPassed | message::kBoxSeen);
  return Next::goes_on;
}

Result<std::string> Reader::quoted(std::string_view text, Quote how, const std::vector<std::size_t>& otherwise) {
  const auto numbers = text.empty() && !otherwise.empty() ? otherwise : TRY(list(text));
  const bool all = how == Quote::with_all_fields || how == Quote::indented_with_all;
  const bool indented = how == Quote::indented || how == Quote::indented_with_all;
  const std::string prefix(settings_.get("indentprefix"));
  std::string out;
  for (const std::size_t number : numbers) {
    const std::string message = TRY(box_->read(number, here_.message_max));
    const std::string shown = show(message, settings_, all ? Fields::all : Fields::chosen);
    box_->at(number).flags |= message::kBoxSeen;
    std::string_view rest = shown;
    while (indented && !rest.empty()) out += prefix + std::string(take_until(rest, '\n')) + "\n";
    if (!indented) out += shown;
  }
  return out;
}

}  // namespace angarium::mua

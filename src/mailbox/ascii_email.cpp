#include "mailbox/ascii_email.h"

#include "io/loop.h"

namespace angarium::mailbox {
namespace {

/// A header that takes long enough to be put into ASCII that others on the loop come first afterwards.
constexpr std::uint64_t kLongHeader = 2048;

}  // namespace

io::Task<Result<AsciiFormPtr>> ascii_form(AccountMailPtr mail, EmailPtr email) {
  const EmailView& view = email->view();
  const auto structure = message::deserialize(view.structure);
  if (!structure) co_return fail(kDamaged, "the structure of an email is damaged");
  auto form = std::make_shared<message::AsciiForm>();
  const std::uint64_t before = view.prepended.size();
  form->add_prepended(view.prepended);
  for (const std::uint32_t index : message::headers_for_ascii(*structure)) {
    const message::Range header = structure->parts[index].header();
    const std::string octets =
        CO_TRY(co_await mail->read(email, before + header.begin, static_cast<std::size_t>(header.size)));
    form->add({before + header.begin, header.size}, octets);
    if (header.size > kLongHeader) co_await io::Loop::current().yield();
  }
  co_return form;
}

}  // namespace angarium::mailbox

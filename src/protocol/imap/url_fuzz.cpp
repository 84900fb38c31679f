// Any octets as an IMAP URL: what is taken has the parts that it must have.
#include <cstdlib>

#include "protocol/imap/url.h"

using namespace angarium::protocol::imap;

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  const std::string_view text(data, size);
  const auto url = parse_url(text);
  if (!url) return 0;
  if (url->uid == 0 || (url->base == ImapUrl::Base::mailbox) != url->mailbox.empty()) std::abort();
  if (url->access && (url->base != ImapUrl::Base::server || !text.starts_with(url->rump))) std::abort();
  if (!url->token.empty() && (!url->access || !text.ends_with(url->token))) std::abort();
  for (const std::string_view selected : {"", "a", "a/b"}) (void)url_mailbox(*url, selected);
  return 0;
}

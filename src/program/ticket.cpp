#include "program/ticket.h"

#include "kerberos/kerberos.h"

namespace angarium::program {

Result<std::unique_ptr<sasl::GssContext>> own_ticket(const std::string& principal, const sasl::ClientContext& context) {
  auto ticket = kerberos::initiate({.credentials_cache = "",
                                    .principal = principal,
                                    .service = context.service,
                                    .host = context.host,
                                    .protection_max = context.protection_max,
                                    .bindings = sasl::gss_bindings(context.bindings)});
  if (ticket) return *std::move(ticket);
  return fail(sasl::kUnavailable, ticket.error().text() + "; kinit " + principal + (principal.empty() ? "" : " ") +
                                      "gets new ones, klist shows those there are");
}

}  // namespace angarium::program

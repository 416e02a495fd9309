-- Customer care finds the cards of a customer along it.
CREATE INDEX records_customer ON records (customer);

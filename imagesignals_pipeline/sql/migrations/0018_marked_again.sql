-- What had passed for a copy that somebody marked was compared anew from here on; 0026 has that done for
-- all that passed for a copy.
select;

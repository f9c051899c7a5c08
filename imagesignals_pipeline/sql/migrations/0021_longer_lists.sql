-- What had passed for the same list with a row more was compared anew from here on; 0026 has that done for
-- all that passed for a copy.
select;
